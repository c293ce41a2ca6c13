/* SPDX-License-Identifier: MIT */
/* script: the text of RESTORE.sh, as it stands in every backup. */
#ifndef LSNCHAIN_RESTORE_SCRIPT_H
#define LSNCHAIN_RESTORE_SCRIPT_H

#include <glib.h>

/* Free it. */
GString *restore_script(void);

#endif
