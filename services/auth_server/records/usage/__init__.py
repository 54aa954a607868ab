"""Usage by the hour: calls, units and latencies, added up as events are written."""
