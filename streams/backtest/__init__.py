"""`streamgauge backtest`: history under many retraining policies, and what each would have cost."""
