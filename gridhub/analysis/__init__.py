"""The questions planners ask, a room each.

Rooms: flow, contingency, security, actions, voltage, transfer, dispatch, carbon, hosting, siting,
hub, works, portfolio, years.
"""
