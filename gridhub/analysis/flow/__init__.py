"""One state or many hours of it: power flow, time series, interfaces, factors."""
