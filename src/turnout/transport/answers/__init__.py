"""What a service's answer must have, checked where the SDK's resource is called."""
