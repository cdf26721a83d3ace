/* Output that is kept in regress/ctl/golden. */
#ifndef REGRESS_GOLDEN_H
#define REGRESS_GOLDEN_H

/*
 * Fails the test, but goes on, if text is not what the file of this name has,
 * and leaves it in the test's directory; or if a terminal would obey it.
 */
void golden_check(const char *name, const char *text);

#endif
