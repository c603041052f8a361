// Finds out what a browser sees of the server's WebSockets, and posts each fact to the server.
// What the facts must be is said in test_browser.py.

const PATIENCE_MS = 45_000;

// One WebSocket whose events can be awaited one by one.
class Socket {
  constructor(path, protocols = []) {
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url, protocols);
    this.socket.binaryType = "arraybuffer";
    this.messages = [];
    this.opened = new Promise((resolve) => {
      this.socket.onopen = () => resolve(true);
      this.socket.onerror = () => resolve(false);
    });
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason, wasClean }) => {
        this.wake?.();
        resolve({ code, reason, wasClean });
      };
    });
    this.socket.onmessage = ({ data }) => {
      this.messages.push(data);
      this.wake?.();
    };
  }

  async hear() {
    while (!this.messages.length) {
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error("closed");
      await new Promise((resolve) => (this.wake = resolve));
    }
    return this.messages.shift();
  }

  async say(message) {
    this.socket.send(message);
    return this.hear();
  }
}

async function opened(path, protocols) {
  const socket = new Socket(path, protocols);
  if (!(await socket.opened)) throw new Error(`${path} was refused`);
  return socket;
}

async function ended(path) {
  const socket = new Socket(path);
  const open = await socket.opened;
  if (open) socket.socket.send("now");
  return { open, ...(await socket.closed) };
}

function noise(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function same(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

const facts = {
  async open() {
    const { socket } = await opened("ws/echo?name=open");
    const fact = [socket.readyState, socket.protocol, socket.extensions];
    socket.close();
    return fact;
  },

  async handshake() {
    document.cookie = "flavour=plain";
    return JSON.parse(await (await opened("ws/handshake?a=%20b")).hear());
  },

  async text() {
    const socket = await opened("ws/echo?name=text");
    const answers = [];
    for (const text of ["hello", "", "Grüße, 世界 🎉", "lone \ud800 half"]) {
      answers.push(await socket.say(text));
    }
    return answers;
  },

  async binary() {
    const socket = await opened("ws/echo?name=binary");
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const buffer = await socket.say(bytes);
    socket.socket.binaryType = "blob";
    const blob = await socket.say(new Blob([bytes]));
    return [
      buffer instanceof ArrayBuffer && same(new Uint8Array(buffer), bytes),
      blob instanceof Blob && same(new Uint8Array(await blob.arrayBuffer()), bytes),
    ];
  },

  async large() {
    const socket = await opened("ws/echo?name=large");
    const bytes = noise(1_048_576);
    const text = "0123456789abcde\n".repeat(65_536);
    return [
      same(new Uint8Array(await socket.say(bytes)), bytes),
      (await socket.say(text)) === text,
    ];
  },

  async many() {
    const socket = await opened("ws/echo?name=many");
    const sent = Array.from({ length: 2000 }, (_, number) => `message ${number}`);
    sent.forEach((message) => socket.socket.send(message));
    for (const message of sent) {
      if ((await socket.hear()) !== message) return `lost ${message}`;
    }
    return socket.socket.bufferedAmount;
  },

  async crowd() {
    const numbers = Array.from({ length: 6 }, (_, number) => number);
    const sockets = await Promise.all(numbers.map((n) => opened(`ws/echo?name=crowd${n}`)));
    return Promise.all(sockets.map((socket, number) => socket.say(`${number}`)));
  },

  async subprotocol() {
    const socket = await opened("ws/chosen", ["chat.v1", "chat.v2"]);
    return [socket.socket.protocol, JSON.parse(await socket.hear())];
  },

  async closeByPage() {
    const socket = await opened("ws/echo?name=closed-by-page");
    socket.socket.close(3001, "Grüße");
    return socket.closed;
  },

  async closeByPageWithoutCode() {
    const socket = await opened("ws/echo?name=closed-without-code");
    socket.socket.close();
    return socket.closed;
  },

  leftPage() {
    const frame = document.createElement("iframe");
    frame.src = "frame.html?name=left";
    return new Promise((resolve) => {
      onmessage = () => {
        frame.remove();
        resolve("left");
      };
      document.body.append(frame);
    });
  },

  closeByServer: () => ended("ws/close?code=4001&reason=Gr%C3%BC%C3%9Fe"),
  closeByServerWithoutCode: () => ended("ws/close"),
  exception: () => ended("ws/error"),
  rejection: () => ended("ws/refused"),
  denial: () => ended("ws/denied"),
  unknown: () => ended("ws/no/such/path"),

  async tooLarge() {
    const socket = await opened("ws/echo?name=too-large");
    socket.socket.send(new Uint8Array(2_000_001));
    return (await socket.closed).code;
  },

  // The test reloads the server when it is told that these are open.
  async drain() {
    const sockets = await Promise.all([1, 2, 3, 4].map((n) => opened(`ws/echo?name=drained${n}`)));
    const before = await sockets[0].say("generation?");
    await post("ready", true);
    const ends = await Promise.all(sockets.map((socket) => socket.closed));
    const after = await (await opened("ws/echo?name=again")).say("generation?");
    return { ends, renewed: before !== after };
  },
};

async function post(name, fact) {
  await fetch(`facts/${name}`, { method: "POST", body: JSON.stringify(fact) });
}

function tooLate() {
  return new Promise((resolve) => setTimeout(() => resolve("too late"), PATIENCE_MS));
}

for (const [name, find] of Object.entries(facts)) {
  const found = find().catch((error) => `${error}`);
  await post(name, await Promise.race([found, tooLate()]));
}
