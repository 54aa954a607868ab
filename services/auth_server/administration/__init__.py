"""What operators read and change. The console, the admin API and commands share these functions."""
