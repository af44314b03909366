/** Paths of cgroups as kubelets, runtimes and systemd have made them, by who made them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CgroupIdentity, cgroupIdentity } from '../../../pipeline/kernel_events/cgroup_path.ts'

const ID = '9e073649debeec6d511391c9ec7627ee67ce3a3fb508b0fa0437a97f8e58ba98'
const OUTER = '2403ccfe427f1dc7b6120dccb9ac58c2f8456950380d587a9f33ea7f00dd303d'
const UID = '019c1fe8-0d92-4aa0-b61c-4df58bdde71c'
const UID_ = UID.replaceAll('-', '_')
/** What a kubelet names its static pods by. */
const HASH = '5a1c6b9a8b2b4a6f0c1d2e3f4a5b6c7d'

const IN_POD = { podUid: UID, containerId: ID, systemdUnit: '' }
const ALONE = { podUid: '', containerId: ID, systemdUnit: '' }
const unit = (systemdUnit: string) => ({ podUid: '', containerId: '', systemdUnit })

const FORMS: readonly (readonly [who: string, path: string, means: CgroupIdentity])[] = [
  [
    'containerd, systemd, guaranteed',
    `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    IN_POD,
  ],
  [
    'containerd, systemd, burstable',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    IN_POD,
  ],
  [
    'CRI-O, systemd',
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-${ID}.scope`,
    IN_POD,
  ],
  [
    'CRI-O with crun, which makes a cgroup in the scope',
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-${ID}.scope/container`,
    IN_POD,
  ],
  ['containerd, cgroupfs', `/kubepods/burstable/pod${UID}/${ID}`, IN_POD],
  ['containerd, cgroupfs, guaranteed', `/kubepods/pod${UID}/${ID}`, IN_POD],
  ['CRI-O, cgroupfs', `/kubepods/besteffort/pod${UID}/crio-${ID}`, IN_POD],
  ['cri-dockerd, systemd', `/kubepods.slice/kubepods-pod${UID_}.slice/docker-${ID}.scope`, IN_POD],
  [
    'kubelet with systemd, containerd with cgroupfs',
    `/system.slice/containerd.service/kubepods-burstable-pod${UID_}.slice:cri-containerd:${ID}`,
    IN_POD,
  ],
  [
    'the same without containerd’s unit',
    `/kubepods-besteffort-pod${UID_}.slice:cri-containerd:${ID}`,
    IN_POD,
  ],
  ['k3s, in its unit', `/system.slice/k3s.service/kubepods/burstable/pod${UID}/${ID}`, IN_POD],
  [
    'kind, in a container of Docker',
    `/system.slice/docker-${OUTER}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    IN_POD,
  ],
  ['kind, cgroupfs', `/docker/${OUTER}/kubelet/kubepods/burstable/pod${UID}/${ID}`, IN_POD],
  [
    'a static pod',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${HASH}.slice/cri-containerd-${ID}.scope`,
    { ...IN_POD, podUid: HASH },
  ],
  ['a static pod, cgroupfs', `/kubepods/burstable/pod${HASH}/${ID}`, { ...IN_POD, podUid: HASH }],
  ['Docker in a pod: the pod’s container', `/kubepods/pod${UID}/${ID}/docker/${OUTER}`, IN_POD],
  [
    'systemd in a pod',
    `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope/system.slice/nginx.service`,
    { ...IN_POD, systemdUnit: 'nginx.service' },
  ],
  [
    'a pod without a container',
    `/kubepods.slice/kubepods-pod${UID_}.slice`,
    { ...IN_POD, containerId: '' },
  ],
  [
    'CRI-O’s monitor',
    `/kubepods.slice/kubepods-pod${UID_}.slice/crio-conmon-${ID}.scope`,
    { podUid: UID, containerId: '', systemdUnit: `crio-conmon-${ID}.scope` },
  ],
  ['Docker, systemd', `/system.slice/docker-${ID}.scope`, ALONE],
  ['Docker, cgroupfs', `/docker/${ID}`, ALONE],
  ['Docker in Docker', `/docker/${OUTER}/docker/${ID}`, ALONE],
  ['Podman, systemd', `/machine.slice/libpod-${ID}.scope/container`, ALONE],
  [
    'Podman without root',
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
    ALONE,
  ],
  [
    'Podman in a pod of its own',
    `/machine.slice/machine-libpod_pod_${OUTER}.slice/libpod-${ID}.scope`,
    ALONE,
  ],
  ['Podman, cgroupfs', `/libpod_parent/libpod-${ID}`, ALONE],
  [
    'Podman by a unit file',
    `/system.slice/shop.service/libpod-payload-${ID}`,
    { ...ALONE, systemdUnit: 'shop.service' },
  ],
  ['nerdctl', `/system.slice/nerdctl-${ID}.scope`, ALONE],
  ['containerd, cgroupfs', `/default/${ID}`, ALONE],
  ['ECS on instances', `/ecs/0123456789abcdef0123456789abcdef/${ID}`, ALONE],
  [
    'ECS on instances, systemd',
    `/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-${ID}.scope`,
    ALONE,
  ],
  [
    'Fargate',
    '/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2532647189',
    { ...ALONE, containerId: '0123456789abcdef0123456789abcdef-2532647189' },
  ],
  ['systemd', '/system.slice/nginx.service', unit('nginx.service')],
  [
    'systemd, an instance',
    '/system.slice/system-postgresql.slice/postgresql@15-main.service',
    unit('postgresql@15-main.service'),
  ],
  [
    'a user’s service',
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app-shop.service',
    unit('app-shop.service'),
  ],
  ['a session', '/user.slice/user-1000.slice/session-3.scope', unit('session-3.scope')],
  ['LXC, with systemd', '/lxc.payload.web/system.slice/nginx.service', unit('nginx.service')],
  ['nobody', '/', unit('')],
  ['a folder named pod', '/podcast/pod-1.slice/pods', unit('')],
]

for (const [who, path, means] of FORMS) {
  test(`${who}: ${path}`, () => {
    assert.deepEqual(cgroupIdentity(path.split('/').filter(Boolean)), means)
  })
}

test('of any names it makes texts of which each stands in one of them, and never throws', () => {
  const part = fc.constantFrom('pod', 'kubepods-', UID, UID_, ID, '-', ':', '.slice', '.scope', '/')
  const name = fc.array(fc.oneof(part, fc.string()), { maxLength: 6 }).map((all) => all.join(''))
  fc.assert(
    fc.property(fc.array(name, { maxLength: 24 }), (names) => {
      const { podUid, containerId, systemdUnit } = cgroupIdentity(names)
      const all = names.join('\n')
      assert.ok(all.includes(podUid) || all.replaceAll('_', '-').includes(podUid))
      assert.ok(all.includes(containerId))
      assert.ok(systemdUnit === '' || names.includes(systemdUnit))
    }),
  )
})
