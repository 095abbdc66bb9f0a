"""The input and output of policies: the view, bookings, layouts, schedules, step times."""
