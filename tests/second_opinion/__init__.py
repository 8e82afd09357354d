"""What an emulator by others says of turnout's requests: `make second-opinion`."""
