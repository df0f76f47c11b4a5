"""A day of a run in virtual time: cameras, network, disks, clients and signals, with seeded faults.

The program's own threads, cameras that come back, pairing, channels, trackers, outputs, journal and
web server run over a clock that a test turns (tests/virtual.py). Every sixteen minutes there is a
scene of two seconds in which the cameras send; between scenes nothing answers. What happens in a
scene is drawn: a camera is dead, dies, freezes, changes its size, sets its clock; a disk fills up;
an encoder falls behind; clients come, stall and leave; a signal ends the run, which is started anew
as a service is.
"""
