"""The way of events over workers, from the accounts that their batches write: as OpenTelemetry's spans."""
