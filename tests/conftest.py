"""Settings for all the tests; no fixtures."""

from hypothesis import HealthCheck, settings

# The same examples on every run and no bound on speed: a test that fails, fails for its reason
# and fails again. Searching with fresh examples is the work of the fuzz targets.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")
