/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

gboolean cmd_unpin(App *app, char **args, GError **error)
{
    return cmd_set_pin(app, args, FALSE, error);
}
