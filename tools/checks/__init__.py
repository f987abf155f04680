"""Long checks: exactness, robustness, other processors."""
