"""`gatepost usage …`: the books, the exports of usage, and the archives."""
