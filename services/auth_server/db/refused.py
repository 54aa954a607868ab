"""What a database raises for a row that it can't store, whatever the state of the connection."""

from sqlalchemy.exc import DataError, IntegrityError

ROW_REFUSED = (DataError, IntegrityError)
