/* SPDX-License-Identifier: MIT
 * mount.h - what every request handler works with: the user data of the FUSE session */
#pragma once
#include "fs/options.h"
#include "fs/readiness.h"
#include "fs/tree.h"

typedef struct CronosPush CronosPush;
typedef struct CronosVersions CronosVersions;

typedef struct {
    const CronosFsOptions *options;
    CronosPool *pool;
    CronosTree *tree;
    CronosVersions *versions; /* NULL: there is no ".versions" */
    CronosReadiness *readiness;
    uid_t uid; /* whose files are that name no owner: the mounting user's */
    gid_t gid;
    CronosPush *push; /* while requests are served */
    /* Written by init, before any other request. */
    gboolean no_open;    /* the kernel opens files by itself once told so */
    gboolean no_opendir; /* and directories */
} CronosMount;
