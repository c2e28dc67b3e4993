"""What a terminal talks to: the command line, demo and lab, doctor, update-data; nothing imports it."""
