"""Why an execution stands where it stands, what will wake it, what can be done."""
