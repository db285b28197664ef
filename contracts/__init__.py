"""What services promise one another: the event envelope, one module of shapes per publishing service."""
