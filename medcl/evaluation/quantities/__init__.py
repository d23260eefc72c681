"""What an audit measures: names, units, and where passing and warning end."""
