/* SPDX-License-Identifier: MIT
 * sandbox-seccomp.c - which system calls are left
 *
 * What is not listed fails with EPERM. clone3, whose arguments a filter can not see, fails as on a
 * kernel that does not have it: the C library then goes the older way. */
#include "fs/sandbox.h"

#include <errno.h>

#ifdef HAVE_SECCOMP

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define DENIED SCMP_ACT_ERRNO(EPERM)
#define UNKNOWN SCMP_ACT_ERRNO(ENOSYS)

/* Allowed whatever their arguments. */
static const int allowed[] = {
    /* Files that are open, or may be opened to be read (see below). */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(stat),
    SCMP_SYS(stat64),
    SCMP_SYS(lstat),
    SCMP_SYS(lstat64),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(statfs64),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fstatfs64),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getcwd),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fadvise64_64),
    SCMP_SYS(readahead),
    SCMP_SYS(splice),
    SCMP_SYS(vmsplice),
    SCMP_SYS(tee),
    SCMP_SYS(pipe2),
    SCMP_SYS(pipe),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    /* Waiting. */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(select),
    SCMP_SYS(_newselect),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(restart_syscall),
    /* Memory; mmap and mprotect below. */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(brk),
    SCMP_SYS(membarrier),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    /* Threads and signals of its own. */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getattr),
    SCMP_SYS(sched_setattr),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getcpu),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(set_thread_area),
    SCMP_SYS(get_thread_area),
    SCMP_SYS(arch_prctl),
    /* The time, and who one is. */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getuid32),
    SCMP_SYS(geteuid32),
    SCMP_SYS(getgid32),
    SCMP_SYS(getegid32),
    SCMP_SYS(getpgrp),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(getrlimit),
    SCMP_SYS(ugetrlimit),
};

static int allow_calls(scmp_filter_ctx filter)
{
    for (guint i = 0; i < G_N_ELEMENTS(allowed); i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);

        if (result != 0)
            return result;
    }
    return 0;
}

/* Descriptors, and pipes; no locks or leases, which hold up others, and no signals. */
static int allow_descriptor_control(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)};
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                   F_GETFL, F_GETPIPE_SZ,    F_SETPIPE_SZ};
    int result = 0;

    for (guint i = 0; i < G_N_ELEMENTS(calls) && result == 0; i++) {
        for (guint k = 0; k < G_N_ELEMENTS(commands) && result == 0; k++)
            result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
                                      SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[k]));
        if (result == 0)
            result =
                seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 2, SCMP_A1(SCMP_CMP_EQ, F_SETFL),
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
    }
    return result;
}

/* Opening a clone of the device is the one reason to write to what is not open yet. With O_PATH,
 * any path could be looked at. */
static int allow_opening(scmp_filter_ctx filter, gboolean for_writing)
{
    const unsigned writing = for_writing ? 0 : O_ACCMODE, changing = O_CREAT | O_TRUNC | O_PATH;
    int result =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, writing | changing, (scmp_datum_t)O_RDONLY));

    if (result == 0)
        result = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
            SCMP_A1(SCMP_CMP_MASKED_EQ, writing | changing, (scmp_datum_t)O_RDONLY));
    return result;
}

/* Code can be loaded from files, and not be made. */
static int allow_memory(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    int result = 0;

    for (guint i = 0; i < G_N_ELEMENTS(calls) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (guint i = 0; i < 2 && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 2,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    return result;
}

static int allow_threads(scmp_filter_ctx filter)
{
    int result =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD));

    if (result == 0)
        result = seccomp_rule_add(filter, UNKNOWN, SCMP_SYS(clone3), 0);
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                  SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    /* Only asked for. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                                  SCMP_A2(SCMP_CMP_EQ, 0));
    return result;
}

static int allow_devices(scmp_filter_ctx filter, gboolean clone_fd)
{
    int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)TCGETS));

    if (result == 0 && clone_fd)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)FUSE_DEV_IOC_CLONE));
    return result;
}

static int fill(scmp_filter_ctx filter, gboolean clone_fd)
{
    int result = allow_calls(filter);

    if (result == 0)
        result = allow_descriptor_control(filter);
    if (result == 0)
        result = allow_opening(filter, clone_fd);
    if (result == 0)
        result = allow_memory(filter);
    if (result == 0)
        result = allow_threads(filter);
    if (result == 0)
        result = allow_devices(filter, clone_fd);
    return result;
}

int cronos_sandbox_seccomp(gboolean clone_fd)
{
    scmp_filter_ctx filter = seccomp_init(DENIED);
    int result = filter != NULL ? fill(filter, clone_fd) : -ENOMEM;

    if (result == 0) {
        /* Where the kernel audits, it shall tell. */
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
        result = seccomp_load(filter);
    }
    seccomp_release(filter);
    return -result;
}

#else

int cronos_sandbox_seccomp(gboolean clone_fd)
{
    return ENOSYS;
}

#endif
