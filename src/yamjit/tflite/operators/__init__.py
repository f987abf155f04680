"""What each operator demands of its operands."""
