"""Side-by-side measurements. Ratios within one run count; absolute figures are of the machine and the minute."""
