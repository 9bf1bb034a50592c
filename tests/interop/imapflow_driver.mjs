// Runs one scenario with imapflow and prints what it saw as JSON; the Python test asserts on it.
// Called as: node imapflow_driver.mjs SCENARIO FOLDER, with the way in as JSON on standard input.
// Must never: decide whether what it saw is right.

import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { ImapFlow } from 'imapflow';

const [scenario, folder] = process.argv.slice(2);
const entrance = JSON.parse(readFileSync(0, 'utf8'));

const client = new ImapFlow({
    host: entrance.host,
    port: entrance.port,
    secure: true,
    tls: { ca: readFileSync(entrance.ca_file) },
    auth: { user: entrance.user, pass: entrance.password },
    disableAutoIdle: scenario !== 'idle',
    qresync: scenario === 'resync',
    logger: false,
});

const sorted = (flags) => [...flags].filter((flag) => flag !== '\\Recent').sort();

async function gather(messages) {
    const found = [];
    for await (const message of messages) {
        found.push(message);
    }
    return found;
}

const scenarios = {
    async greet() {
        return {
            capabilities: [...client.capabilities.keys()],
            enabled: [...client.enabled],
            secure: client.secureConnection,
            namespace: client.namespace,
        };
    },

    async append({ files }) {
        const answers = [];
        for (const file of files) {
            const content = readFileSync(`${folder}/${file}`);
            answers.push(await client.append('INBOX', content, ['\\Seen', 'Work'], new Date('2021-05-06T07:08:09Z')));
        }
        return answers.map(({ uid, seq, uidValidity }) => ({ uid, seq, uidValidity: `${uidValidity}` }));
    },

    async download() {
        await client.mailboxOpen('INBOX');
        const found = await gather(
            client.fetch('1:*', {
                uid: true,
                flags: true,
                envelope: true,
                bodyStructure: true,
                internalDate: true,
                size: true,
                source: true,
                headers: ['subject', 'message-id'],
            })
        );
        for (const message of found) {
            writeFileSync(`${folder}/${message.uid}.eml`, message.source);
        }
        return found.map((message) => ({
            uid: message.uid,
            seq: message.seq,
            flags: sorted(message.flags),
            size: message.size,
            date: message.internalDate,
            subject: message.envelope.subject,
            sender: message.envelope.from,
            structure: message.bodyStructure,
            headers: message.headers.toString(),
        }));
    },

    async part({ uid, part }) {
        await client.mailboxOpen('INBOX');
        const { meta, content } = await client.download(uid, part, { uid: true });
        const chunks = await gather(content);
        return { type: meta.contentType, filename: meta.filename, data: Buffer.concat(chunks).toString('base64') };
    },

    async flags() {
        await client.mailboxOpen('INBOX');
        await client.messageFlagsAdd('1:2', ['\\Flagged', '$Label1']);
        await client.messageFlagsRemove('2', ['\\Flagged'], { uid: true });
        await client.messageFlagsSet('3', ['\\Answered'], { uid: true });
        const found = await gather(client.fetch('1:*', { uid: true, flags: true }));
        return Object.fromEntries(found.map((message) => [message.uid, sorted(message.flags)]));
    },

    async search() {
        await client.mailboxOpen('INBOX');
        return {
            all: await client.search({ all: true }, { uid: true }),
            unseen: await client.search({ seen: false }, { uid: true }),
            subject: await client.search({ subject: 'Привет' }, { uid: true }),
            body: await client.search({ body: 'schöne' }, { uid: true }),
            either: await client.search({ or: [{ flagged: true }, { header: { 'in-reply-to': 'lunch' } }] }, { uid: true }),
            not: await client.search({ not: { from: 'ada' } }, { uid: true }),
            larger: await client.search({ larger: 600 }, { uid: true }),
        };
    },

    async mailboxes() {
        const created = await client.mailboxCreate(['Bücher', 'Köln & Bonn']);
        await client.mailboxSubscribe('Bücher');
        await client.mailboxRename('Bücher', 'Regal');
        const status = await client.status('Regal/Köln & Bonn', { messages: true, uidNext: true, highestModseq: true });
        const listed = await client.list({ statusQuery: { messages: true, unseen: true } });
        await client.mailboxDelete('Regal/Köln & Bonn');
        return {
            created: created.path,
            status: { messages: status.messages, uidNext: status.uidNext },
            listed: Object.fromEntries(listed.map((entry) => [entry.path, entry.status?.messages ?? null])),
            left: (await client.list()).map((entry) => entry.path).sort(),
        };
    },

    async special() {
        const listed = await client.list();
        return Object.fromEntries(listed.map((entry) => [entry.path, entry.specialUseSource === 'extension' ? entry.specialUse : '']));
    },

    async move() {
        await client.mailboxOpen('INBOX');
        const copied = await client.messageCopy('1:2', 'Archive', { uid: true });
        const moved = await client.messageMove('3', 'Archive', { uid: true });
        const deleted = await client.messageDelete('4', { uid: true });
        return { copied: [...copied.uidMap], moved: [...moved.uidMap], deleted, exists: client.mailbox.exists };
    },

    async idle() {
        await client.mailboxOpen('INBOX');
        const arrival = once(client, 'exists');
        const change = once(client, 'flags');
        const removal = once(client, 'expunge');
        const idling = client.idle();
        process.stdout.write('idling\n');
        const [exists] = await arrival;
        process.stdout.write('arrived\n');
        const [flags] = await change;
        process.stdout.write('flagged\n');
        const [expunged] = await removal;
        const after = await client.search({ all: true }, { uid: true });
        await idling;
        return {
            exists: { count: exists.count, previous: exists.prevCount },
            flags: { seq: flags.seq, flags: sorted(flags.flags) },
            expunged: expunged.seq ?? expunged.uid,
            after,
        };
    },

    async pipelined() {
        await client.mailboxOpen('INBOX');
        const asked = [];
        for (let round = 0; round < 10; round++) {
            asked.push(client.fetchOne('*', { uid: true, source: true }));
            asked.push(client.search({ all: true }, { uid: true }));
            asked.push(client.noop());
        }
        const answers = await Promise.all(asked);
        return {
            sizes: answers.filter((answer) => answer?.source).map((answer) => answer.source.length),
            searches: answers.filter((answer) => Array.isArray(answer)),
        };
    },

    async changed({ modseq }) {
        await client.mailboxOpen('INBOX');
        const found = await gather(client.fetch('1:*', { uid: true, flags: true }, { changedSince: BigInt(modseq) }));
        return found.map((message) => ({ uid: message.uid, later: message.modseq > BigInt(modseq) }));
    },
};

scenarios.resync = async ({ changedSince, uidValidity }) => {
    const flags = [];
    const gone = [];
    client.on('flags', (told) => flags.push({ uid: told.uid, flags: sorted(told.flags) }));
    client.on('expunge', (told) => gone.push({ uid: told.uid, vanished: told.vanished, earlier: told.earlier }));
    const box = await client.mailboxOpen('INBOX', {
        changedSince: BigInt(changedSince),
        uidValidity: BigInt(uidValidity),
    });
    const caughtUp = { flags: [...flags], gone: [...gone], exists: box.exists };
    const removal = once(client, 'expunge');
    const idling = client.idle();
    process.stdout.write('idling\n');
    await removal;
    const after = await client.search({ all: true }, { uid: true });
    await idling;
    return {
        compressed: Boolean(client._inflate),
        qresync: client.enabled.has('QRESYNC') && box.qresync === true,
        caughtUp,
        later: gone.slice(caughtUp.gone.length),
        after,
    };
};

client.on('error', (trouble) => {
    process.stderr.write(`${trouble.stack}\n`);
    process.exit(3);
});
try {
    await client.connect();
    const seen = await scenarios[scenario](entrance.question ?? {});
    await client.logout();
    process.stdout.write(`${JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}\n`);
} catch (trouble) {
    const { authenticationFailed, responseStatus, serverResponseCode, responseText } = trouble;
    process.stderr.write(`${trouble.stack}\n`);
    process.stdout.write(`${JSON.stringify({ authenticationFailed, responseStatus, serverResponseCode, responseText })}\n`);
    process.exit(2);
}
