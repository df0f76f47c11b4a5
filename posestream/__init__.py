"""The program as its users meet it; realtime, engines and calibration are what it is made of."""
