/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * membarrier_forbidden_is_told.c - the hand-over of a list to a second thread leans on the
 * membarrier system call. A program that shut itself into a sandbox after ou_start, without
 * that call, lost appends in silence: its refusal was not looked at.
 *
 * It ends the process with a line that says why.
 */
#include "regress/regress.h"

#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

enum { MFT_NO_SANDBOX = 3 };

static ou_object *mft_list;

static void *mft_touch(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_list_append(mft_list, ou_none());
    ou_thread_detach();
    return NULL;
}

static int mft_forbid(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int mft_sandboxed(void *arg)
{
    (void)arg;
    regress_start();
    if (mft_forbid() != 0) {
        return MFT_NO_SANDBOX;
    }
    mft_list = ou_list_new(8);
    REQUIRE(mft_list != NULL);
    regress_join(regress_thread(mft_touch, NULL));
    return 0; /* went on as if nothing were wrong */
}

int main(void)
{
    if (SCALE_TSAN) {
        return regress_skip("ThreadSanitizer builds do not use membarrier");
    }
    long offers = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (offers < 0 || !(offers & MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
        return regress_skip("this kernel has no private expedited membarrier");
    }
    int status = regress_child(mft_sandboxed, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == MFT_NO_SANDBOX) {
        return regress_skip("this process may not have a seccomp filter");
    }
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return expect_result();
}
