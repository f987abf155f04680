"""Libraries of the kernels' machine code, one for each platform, built ahead of time."""
