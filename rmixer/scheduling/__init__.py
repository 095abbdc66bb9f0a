"""What a policy sees and answers: the view, bookings, layouts, schedules, step times."""
