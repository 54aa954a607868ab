"""The endpoints to which events are sent, and the deliveries to them."""
