"""The APIs behind the gateway, as the settings describe them."""
