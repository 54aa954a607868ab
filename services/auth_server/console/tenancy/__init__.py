"""The console's pages of organisations, their members and the apps that these ask for."""
