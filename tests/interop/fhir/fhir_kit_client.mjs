// @ts-check
// A round trip with fhir-kit-client 2 (npm). Prints one JSON line of what it saw; test_node_clients.py compares.
import { Client } from 'fhir-kit-client';

const [baseUrl, token, patientId] = process.argv.slice(2);
const client = new (/** @type {any} */ (Client))({ baseUrl, bearerToken: token });

const seen = /** @type {Record<string, any>} */ ({});
const auth = await client.smartAuthMetadata();
seen.tokenUrl = String(auth.tokenUrl);
seen.fhirVersion = (await client.capabilityStatement()).fhirVersion;

const created = await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', name: [{ family: '欧阳' }] } });
const id = created.id;
seen.read = (await client.read({ resourceType: 'Patient', id })).name[0].family;
await client.update({ resourceType: 'Patient', id, body: { ...created, active: true } });
seen.vread = (await client.vread({ resourceType: 'Patient', id, version: '1' })).active ?? null;
await client.patch({ resourceType: 'Patient', id, jsonPatch: [{ op: 'replace', path: '/active', value: false }] });
seen.history = (await client.history({ resourceType: 'Patient', id })).total;
seen.typeHistory = (await client.history({ resourceType: 'Patient' })).entry.length > 2;

const byPost = await client.resourceSearch({
    resourceType: 'Observation', searchParams: { patient: patientId, _count: '2' }, options: { postSearch: true },
});
seen.posted = byPost.entry.length;
let page = byPost;
seen.pages = 1;
while ((page = await client.nextPage({ bundle: page }))) seen.pages += 1;
const inCompartment = await client.compartmentSearch({
    resourceType: 'Encounter', compartment: { resourceType: 'Patient', id: patientId },
});
seen.compartment = inCompartment.entry.length;
seen.resolved = (await client.resolve({ reference: inCompartment.entry[0].resource.subject.reference })).id;
seen.everything = (await client.operation({
    name: 'everything', resourceType: 'Patient', id: patientId, method: 'GET',
})).entry.length;
seen.validate = (await client.operation({
    name: 'validate', resourceType: 'Patient', method: 'POST', input: { resourceType: 'Patient', gender: 'x' },
})).issue[0].expression[0];

const body = {
    resourceType: 'Bundle', type: 'transaction',
    entry: [{ resource: { resourceType: 'Organization', name: 'Kit' }, request: { method: 'POST', url: 'Organization' } }],
};
seen.transaction = (await client.transaction({ body })).entry[0].response.status;
seen.batch = (await client.batch({ body: { ...body, type: 'batch' } })).entry[0].response.status;
const conditional = { resourceType: 'Organization', searchParams: { identifier: 'urn:kit|1' } };
const organisation = { resourceType: 'Organization', name: 'Kit 1', identifier: [{ system: 'urn:kit', value: '1' }] };
const first = await client.update({ ...conditional, body: organisation });
const second = await client.update({ ...conditional, body: { ...organisation, name: 'Kit 2' } });
seen.conditional = first.id === second.id;

await client.delete({ resourceType: 'Patient', id });
seen.gone = await client.read({ resourceType: 'Patient', id }).catch((/** @type {any} */ error) => error.response?.status);
console.log(JSON.stringify(seen));
