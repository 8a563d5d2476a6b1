"""The event contracts, one module per domain; ``schemas/`` holds their JSON Schemas as released."""
