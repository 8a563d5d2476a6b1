"""What operators change: each makes a plan, carries it out step by step, and can be resumed."""
