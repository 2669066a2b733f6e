#!/bin/bash
# The guest's first process: loads the policy, enforces it, runs the job on the second disk as an unconfined root, and powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts -o gid=5,mode=620,ptmxmode=666
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
mount -t selinuxfs selinuxfs /sys/fs/selinux
ip link set lo up
load_policy -i || load_policy
# What is mounted once the policy is there has labels of its own.
mount -t tmpfs tmpfs /run -o mode=755
mount -t tmpfs tmpfs /tmp -o mode=1777
mkdir -p /run/lock /root/job /var/log/audit
restorecon -R /run /dev /tmp /var/log/audit >/dev/null 2>&1
tar -C /root/job -xf /dev/vdb
restorecon -RF /root >/dev/null 2>&1
setenforce 0
runcon system_u:system_r:auditd_t:s0 /usr/sbin/auditd >/dev/null 2>&1
cat >/run/go <<'GO'
#!/bin/bash
setenforce 1
echo "guest: $(id -Z), $(getenforce)"
cd /root/job
bash ./job.sh 2>&1 | cat
echo "guest-status=${PIPESTATUS[0]}"
GO
chmod +x /run/go
runcon unconfined_u:unconfined_r:unconfined_t:s0 /bin/bash /run/go
setenforce 0
sync
exec /bin/busybox poweroff -f
