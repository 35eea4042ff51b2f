"""Widgets: explorers, players, slow work behind a button, predictions that lock, exercises that check themselves."""
