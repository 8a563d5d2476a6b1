"""Where answers come from: each module asks one of AWS's services, and returns plain values."""
