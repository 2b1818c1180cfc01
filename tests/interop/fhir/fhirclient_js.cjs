// @ts-check
// A round trip with fhirclient.js 2 (npm `fhirclient`). Prints one JSON line; test_node_clients.py compares.
const FhirClient = require('fhirclient/lib/Client').default;

const [baseUrl, token, patientId, encounterId] = process.argv.slice(2);

async function main() {
    /** @type {any} */
    const environment = { btoa: (/** @type {string} */ s) => Buffer.from(s).toString('base64'), fhir: {} };
    const client = new FhirClient(environment, { serverUrl: baseUrl, tokenResponse: { access_token: token } });
    /** @type {Record<string, any>} */
    const seen = {};
    seen.patient = (await client.request(`Patient/${patientId}`)).id;
    const encounter = await client.request(`Encounter/${encounterId}`, { resolveReferences: ['subject', 'participant.0.individual'] });
    seen.subject = encounter.subject.id ?? encounter.subject.reference;
    seen.doctor = encounter.participant[0].individual.name[0].text;
    const pages = await client.request(`Observation?patient=${patientId}&_count=2`, { pageLimit: 0, flat: true });
    seen.flat = pages.length;
    const graph = await client.request(`ClinicalImpression?patient=${patientId}`, { graph: true, resolveReferences: ['subject'] });
    seen.graph = graph.entry[0].resource.subject.id;
    const created = await client.create({ resourceType: 'Patient', name: [{ family: 'Zoë' }] });
    const updated = await client.update({ ...created, active: true });
    seen.version = updated.meta.versionId;
    const patched = await client.patch(`Patient/${created.id}`, [{ op: 'replace', path: '/active', value: false }]);
    seen.active = patched.active;
    await client.delete(`Patient/${created.id}`);
    seen.gone = await client.request(`Patient/${created.id}`).catch((/** @type {any} */ error) => error.status ?? error.statusCode);
    seen.token = (await (await fetch(`${baseUrl}/.well-known/smart-configuration`)).json()).token_endpoint;
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
