"""Lets a port in through this machine's own firewall: ufw, firewalld, nftables or iptables.

Reads the rules in force, says which commands open or close a port and why, runs them only when asked, and looks
again afterwards.

Must never: change a rule that was not asked for, open more than was asked, write a configuration file itself, or run a
program through a shell.
"""
