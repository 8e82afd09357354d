"""How bytes go to a service and back, for threads, event loops and botocore."""
