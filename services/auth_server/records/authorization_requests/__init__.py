"""Authorization requests on their way through sign-in and consent."""
