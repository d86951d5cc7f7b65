/* SPDX-License-Identifier: MIT
 * command-serve.c - cronos serve: requests from NATS, where cronos was built with libnats */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/serve/notify.h"
#include "cli/serve/service.h"
#include "core/error.h"

static const CronosOption options[] = {
    CRONOS_OPTIONS_END,
};

static int run(const CronosInvocation *invocation, GError **error)
{
#ifdef HAVE_NATS
    cronos_notify_start();
    /* Being asked to stop is how a service ends. */
    return cronos_service_run(invocation->config, cronos_interrupt_start(), error)
               ? CRONOS_EXIT_DONE
               : CRONOS_EXIT_FAILED;
#else
    (void)invocation;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "this cronos was built without NATS: install libnats-dev and build it anew");
    return CRONOS_EXIT_FAILED;
#endif
}

const CronosCommand cronos_command_serve = {
    .name = "serve",
    .synopsis = "",
    .summary = "Make and restore backups on request, through NATS",
    .details = "Connects to the servers of service.url, and answers requests until it is told\n"
               "to stop: then it finishes what it is doing. See cronos.conf(5) for service.*\n"
               "and cronos(1) for the messages.\n",
    .options = options,
    .needs_config = TRUE,
    .is_service = TRUE,
    .run = run,
};
