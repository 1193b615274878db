/* What tests share that start themselves again, in another role, to stop or kill that process. */
#ifndef CHILD_H
#define CHILD_H

#include "check.h"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

/* Read, for valgrind answers that; to start the link itself would start valgrind. */
static inline const char *own_path(void) {
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(length > 0, "no path");
    path[length] = '\0';
    return path;
}

/* Starts this program with other arguments; `*told` reads what it prints. */
static inline pid_t start_child(const char *const *argv, FILE **told) {
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t child;
    CHECK(pipe(ends) == 0, "no pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    CHECK(posix_spawn(&child, own_path(), &actions, NULL, (char *const *)argv, environ) == 0,
          "no process");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *told = fdopen(ends[0], "r");
    CHECK(*told != NULL, "no stream");
    return child;
}

/* For the child: however the test ends, it ends with it. */
static inline void end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

static inline void kill_child(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

#endif
