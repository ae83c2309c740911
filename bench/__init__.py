"""Side-by-side measurements. Ratios within one run count; absolute figures depend on machine and time."""
