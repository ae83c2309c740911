"""What must never be shown: the secrets in addresses."""
