"""How fast turnout is beside the raw client, the SDK, the frameworks' own classes and LiteLLM: `make bench`."""
