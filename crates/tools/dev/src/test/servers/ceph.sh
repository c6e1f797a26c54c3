# Runs Ceph with one monitor, one OSD in memory and an S3 gateway. Arguments: an empty folder, the port of the gateway,
# the port of the monitor. All processes stay in this shell's process group.
set -eu
cd "$1"
mkdir mon osd log run
cat > ceph.conf <<CONF
[global]
fsid = 11111111-2222-4333-8444-555555555555
mon host = v2:127.0.0.1:$3
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $1/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
mon allow pool size one = true
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
mon data = $1/mon
osd data = $1/osd
run dir = $1/run
log file = $1/log/\$name.log
admin socket = $1/run/\$name.asok
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$2
CONF
export CEPH_CONF=$1/ceph.conf
{
  ceph-authtool --create-keyring keyring --gen-key -n mon. --cap mon 'allow *'
  for user in client.admin client.rgw; do
    ceph-authtool keyring --gen-key -n $user --cap mon 'allow *' --cap osd 'allow *'
  done
  ceph-authtool keyring --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
  monmaptool --create --fsid 11111111-2222-4333-8444-555555555555 --addv a "[v2:127.0.0.1:$3]" monmap
  ceph-mon --mkfs -i a --monmap monmap --keyring keyring
  ceph-mon -f -i a &
  ceph osd new 22222222-3333-4444-8555-666666666666
  ceph-osd -i 0 --mkfs --osd-uuid 22222222-3333-4444-8555-666666666666
  ceph-osd -f -i 0 &
  # It also creates the pools that the gateway uses.
  radosgw-admin -n client.rgw user create --uid=slipway --display-name=Slipway \
    --access-key=slipway --secret-key=slipway-secret
} > log/setup 2>&1
exec radosgw -n client.rgw -f > log/gateway 2>&1
