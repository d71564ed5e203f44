"""What there is to choose from: optimizers, losses, schedules, options. Data only."""
