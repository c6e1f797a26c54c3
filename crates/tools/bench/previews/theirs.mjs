// Makes the same previews with sharp. Prints a line for each picture: its name, the CPU time of both
// in milliseconds (large pictures only), and the mean difference of a channel, from 0 to 255, on a
// gray background.
import fs from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'

const [pictures, ours, table] = process.argv.slice(2)
sharp.cache(false)
sharp.concurrency(1)
const cpu = new Map(
  fs
    .readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([name, ms]) => [name, ms])
)
const background = { r: 128, g: 128, b: 128 }
const raw = (input) =>
  sharp(input).toColourspace('srgb').flatten({ background }).removeAlpha().raw().toBuffer({ resolveWithObject: true })

for (const name of fs.readdirSync(pictures).sort()) {
  const file = fs.readFileSync(path.join(pictures, name))
  const make = () => {
    const image = sharp(file, { failOn: 'error' }).rotate()
    return image.resize(512, 512, { fit: 'inside', withoutEnlargement: true }).keepIccProfile()
  }
  const own = fs.readdirSync(ours).find((it) => it === `${name}.jpg` || it === `${name}.png`)
  if (!own) {
    console.log([name, 'no preview'].join('\t'))
    continue
  }
  const theirs = await (own.endsWith('.png') ? make().png() : make().jpeg({ quality: 75 })).toBuffer()
  const [a, b] = await Promise.all([raw(path.join(ours, own)), raw(theirs)])
  const same = a.info.width === b.info.width && a.info.height === b.info.height
  let sum = 0
  if (same) for (let at = 0; at < a.data.length; at += 1) sum += Math.abs(a.data[at] - b.data[at])
  const difference = same ? (sum / a.data.length).toFixed(2) : `${a.info.width}x${a.info.height} for ${b.info.width}x${b.info.height}`
  const columns = [name, difference]
  if (name.startsWith('12mp')) {
    let best = Infinity
    for (let round = 0; round < 5; round += 1) {
      const start = process.cpuUsage()
      await make().jpeg({ quality: 75 }).toBuffer()
      const { user, system } = process.cpuUsage(start)
      best = Math.min(best, (user + system) / 1000)
    }
    columns.push(`ours ${cpu.get(name)} ms`, `sharp ${best.toFixed(1)} ms`)
  }
  console.log(columns.join('\t'))
}
