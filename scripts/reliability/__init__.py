"""Does the core keep its word? Every AWS call of it, times what can happen to the call, on a model of AWS in memory.

model/        AWS as far as the core uses it, in virtual time; what can happen to a call; processes that die
site          a worker's declaration, queues and environment
world         a worker on that model, run until everything is quiet
scenario      what a scenario is
scenarios     workers and events that together make every call of the core
gathers       those of scatter and gather
matrix        the cells: calls times faults, with a reason for each that is left out
pairs         two faults in one run
verdict       what must hold when everything is quiet
poison        a record that kills, hangs or exits, at each position of a batch
mutants       the recoveries of the core, each of which some cell needs
generated     each condition, retry and recovery of four modules taken out, one at a time
unnoticed     those of them that no cell notices, with the reason
"""
