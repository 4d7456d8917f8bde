BEGIN TRANSACTION;
CREATE TABLE artifact_files (
    artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
    path TEXT NOT NULL,                 -- relative to the root
    sha256 TEXT NOT NULL,
    PRIMARY KEY (artifact_id, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "artifact_files" VALUES(1,'artifacts/ingest/9264dd70ad99/lines.txt','97631a95e8d4dae07aaddee12e6d574ed84c991156873edb90409f7129d99aa2');
INSERT INTO "artifact_files" VALUES(3,'artifacts/encode/47ec24c79a07/train/part-0','3823f983de814d06df15c041e82ccac1ae672920af0402de0eba57f69667f3f0');
INSERT INTO "artifact_files" VALUES(4,'artifacts/train/69c5b2517bf1/history.json','a6170dd16284f27c756564683d9a89dd377647531715bac06bb8f642188e5286');
INSERT INTO "artifact_files" VALUES(4,'artifacts/train/69c5b2517bf1/model.keras','470e16928389f814786d4664a440156361851ae097cdf16d9f8d4622d462d472');
INSERT INTO "artifact_files" VALUES(5,'artifacts/push/603427a36a00/pushed.json','aa2c737df43678808b6f689cf32d7ce429e7f792696aae02a8c1aa7053739c4a');
INSERT INTO "artifact_files" VALUES(5,'serving/1/model','470e16928389f814786d4664a440156361851ae097cdf16d9f8d4622d462d472');
INSERT INTO "artifact_files" VALUES(6,'artifacts/train/adc27175f9d6/history.json','eec22bdf2940f8ee259b87159e5ed7553bfb0e08f8a90df9a044ace09ca6ca29');
INSERT INTO "artifact_files" VALUES(6,'artifacts/train/adc27175f9d6/model.keras','79e06cef4d5b25c8b6fba41b3b11d1d6121d010d98a5f84a16abdcda3763bec4');
INSERT INTO "artifact_files" VALUES(7,'artifacts/push/2cb89f0202f7/pushed.json','bae56707546c7f1e0357b87f3022123d94dfe86f41d57b6503f49b22750d1287');
INSERT INTO "artifact_files" VALUES(7,'serving/2/model','79e06cef4d5b25c8b6fba41b3b11d1d6121d010d98a5f84a16abdcda3763bec4');
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- Examples, Model, ..., or SourceFile
    uri TEXT NOT NULL,                  -- relative to the root; a source file's own path
    digest TEXT NOT NULL,               -- SHA-256 of the content
    cache_key TEXT,
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'LIVE', 'DELETED')),
    properties TEXT NOT NULL,           -- JSON
    create_time_since_epoch INTEGER NOT NULL
) STRICT;
INSERT INTO "artifacts" VALUES(1,'Lines','artifacts/ingest/9264dd70ad99','92e2f435e3d0e22131fc98a0a6baadea496a257b0adcc9f4ad5c513e2a0c96d4','9264dd70ad9968a1daf20741351f43f78413b7c72ff0002da58ff6d24fe37864','LIVE','{}',1795462679978);
INSERT INTO "artifacts" VALUES(2,'SourceFile','reviews.txt','398cc5d99bcd2adcdaa1f3bed95470eb712bf78db6f759061907b4d57c97050f',NULL,'LIVE','{}',1795462679992);
INSERT INTO "artifacts" VALUES(3,'Encoded','artifacts/encode/47ec24c79a07','66eaf59120c0f48b4224ba24975190a8a309b46c89d4dce01a9ebbf285c35423','47ec24c79a073b80b1ef99bd54965acd7d301ad2e33c52536a9da15342412332','LIVE','{}',1795462680032);
INSERT INTO "artifacts" VALUES(4,'Model','artifacts/train/69c5b2517bf1','e429e8ad65f7947a89b3a5f5abfcba445c616046a567c32730d47ed6768923dd','69c5b2517bf13d2a11d7479bb6d4f71ddd72e374bea9fd93e1d35ae846609905','LIVE','{}',1795462680155);
INSERT INTO "artifacts" VALUES(5,'PushedModel','artifacts/push/603427a36a00','829e4838a7f5630e797e59ee7497cd39ea6a648578905c8209cbfe246eaf6649','603427a36a00527f26318cdf6e0dcbcd5eb077e92cfaa6da8733106d942e98a2','LIVE','{"version": 1, "published": ["serving/1"]}',1795462680248);
INSERT INTO "artifacts" VALUES(6,'Model','artifacts/train/adc27175f9d6','0443081fd503f941bf9db44b0ecfc3ccea924b697b4064bbab8a49055364d45a','adc27175f9d68da8cdbbb129701955afc3b52756af8965ebea558ce88fdb00fe','LIVE','{}',1795462681244);
INSERT INTO "artifacts" VALUES(7,'PushedModel','artifacts/push/2cb89f0202f7','dd063b077b81f26ada6604ed11e522aa2c8453fad7db813c336fb5f18c95ea92','2cb89f0202f75127189d25f725c52d90f8cd051dd312d3b1cbb4b8fb074bb0ae','LIVE','{"version": 2, "published": ["serving/2"]}',1795462681302);
CREATE TABLE associations (
    context_id INTEGER NOT NULL REFERENCES contexts (id),
    execution_id INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (context_id, execution_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "associations" VALUES(1,1);
INSERT INTO "associations" VALUES(1,2);
INSERT INTO "associations" VALUES(1,3);
INSERT INTO "associations" VALUES(1,4);
INSERT INTO "associations" VALUES(2,5);
INSERT INTO "associations" VALUES(2,6);
INSERT INTO "associations" VALUES(2,7);
INSERT INTO "associations" VALUES(2,8);
INSERT INTO "associations" VALUES(3,9);
INSERT INTO "associations" VALUES(3,10);
INSERT INTO "associations" VALUES(3,11);
INSERT INTO "associations" VALUES(3,12);
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- run
    name TEXT NOT NULL UNIQUE,          -- the run id
    create_time_since_epoch INTEGER NOT NULL
) STRICT;
INSERT INTO "contexts" VALUES(1,'run','20261123-193759-5421',1795462679893);
INSERT INTO "contexts" VALUES(2,'run','20261123-193801-a3aa',1795462681067);
INSERT INTO "contexts" VALUES(3,'run','20261123-193802-3c2d',1795462682048);
CREATE TABLE events (
    execution_id INTEGER NOT NULL REFERENCES executions (id),
    type TEXT NOT NULL CHECK (type IN ('INPUT', 'OUTPUT')),
    name TEXT NOT NULL,                 -- the argument of the step
    artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
    PRIMARY KEY (execution_id, type, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,'OUTPUT','ingest',1);
INSERT INTO "events" VALUES(2,'INPUT','examples',1);
INSERT INTO "events" VALUES(5,'OUTPUT','ingest',1);
INSERT INTO "events" VALUES(6,'INPUT','examples',1);
INSERT INTO "events" VALUES(9,'OUTPUT','ingest',1);
INSERT INTO "events" VALUES(10,'INPUT','examples',1);
INSERT INTO "events" VALUES(1,'INPUT','source reviews.txt',2);
INSERT INTO "events" VALUES(5,'INPUT','source reviews.txt',2);
INSERT INTO "events" VALUES(9,'INPUT','source reviews.txt',2);
INSERT INTO "events" VALUES(2,'OUTPUT','encode',3);
INSERT INTO "events" VALUES(3,'INPUT','encoded',3);
INSERT INTO "events" VALUES(6,'OUTPUT','encode',3);
INSERT INTO "events" VALUES(7,'INPUT','encoded',3);
INSERT INTO "events" VALUES(10,'OUTPUT','encode',3);
INSERT INTO "events" VALUES(11,'INPUT','encoded',3);
INSERT INTO "events" VALUES(3,'OUTPUT','train',4);
INSERT INTO "events" VALUES(4,'INPUT','model',4);
INSERT INTO "events" VALUES(4,'OUTPUT','push',5);
INSERT INTO "events" VALUES(7,'OUTPUT','train',6);
INSERT INTO "events" VALUES(8,'INPUT','model',6);
INSERT INTO "events" VALUES(11,'OUTPUT','train',6);
INSERT INTO "events" VALUES(12,'INPUT','model',6);
INSERT INTO "events" VALUES(8,'OUTPUT','push',7);
INSERT INTO "events" VALUES(12,'OUTPUT','push',7);
CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- the step
    last_known_state TEXT NOT NULL CHECK (last_known_state IN ('COMPLETE', 'CACHED')),
    cache_key TEXT NOT NULL,
    key_parts TEXT NOT NULL,            -- JSON, all that went into the key
    reason TEXT NOT NULL,
    create_time_since_epoch INTEGER NOT NULL,
    last_update_time_since_epoch INTEGER NOT NULL
) STRICT;
INSERT INTO "executions" VALUES(1,'ingest','COMPLETE','9264dd70ad9968a1daf20741351f43f78413b7c72ff0002da58ff6d24fe37864','{"arguments":{"params":{"max_rejected":0,"source":"reviews.txt"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/ingest.py":"0d7450fd406b972c"},"inputs":{},"libraries":{"pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{"reviews.txt":"398cc5d99bcd2adcdaa1f3bed95470eb712bf78db6f759061907b4d57c97050f"},"step":"ingest"}','first run',1795462679951,1795462679992);
INSERT INTO "executions" VALUES(2,'encode','COMPLETE','47ec24c79a073b80b1ef99bd54965acd7d301ad2e33c52536a9da15342412332','{"arguments":{"params":{"max_length":80},"tokenizer":{"name":"glove","punctuation":"drop"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/encode.py":"0ce171a27ce16bfe","toy/text.py":"3bfa47c2e8b766d1"},"inputs":{"examples":"92e2f435e3d0e22131fc98a0a6baadea496a257b0adcc9f4ad5c513e2a0c96d4"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{},"step":"encode"}','first run',1795462680002,1795462680044);
INSERT INTO "executions" VALUES(3,'train','COMPLETE','69c5b2517bf13d2a11d7479bb6d4f71ddd72e374bea9fd93e1d35ae846609905','{"arguments":{"params":{"epochs":3}},"code":{"schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/train.py":"5e294c2ffcb8ab6d"},"inputs":{"embedding_matrix":null,"encoded":"66eaf59120c0f48b4224ba24975190a8a309b46c89d4dce01a9ebbf285c35423"},"libraries":{"keras":"3.15.1","numpy":"2.4.6","pyarrow":"25.0.1","scikit-learn":"1.9.1","scipy":"1.17.1","tensorflow":"2.21.0"},"sources":{},"step":"train"}','first run',1795462680070,1795462680163);
INSERT INTO "executions" VALUES(4,'push','COMPLETE','603427a36a00527f26318cdf6e0dcbcd5eb077e92cfaa6da8733106d942e98a2','{"arguments":{"params":{},"replaces_version":null},"code":{"components/__init__.py":"ae55815d404757c8","components/serving/__init__.py":"ae55815d404757c8","components/serving/publication.py":"efcbff271b06e54d","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/disk.py":"1aa45cf1bfa2b663","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/push.py":"70ee9674ecec8978"},"inputs":{"model":"e429e8ad65f7947a89b3a5f5abfcba445c616046a567c32730d47ed6768923dd"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow":"2.21.0"},"sources":{},"step":"push"}','first run',1795462680193,1795462680253);
INSERT INTO "executions" VALUES(5,'ingest','CACHED','9264dd70ad9968a1daf20741351f43f78413b7c72ff0002da58ff6d24fe37864','{"arguments":{"params":{"max_rejected":0,"source":"reviews.txt"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/ingest.py":"0d7450fd406b972c"},"inputs":{},"libraries":{"pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{"reviews.txt":"398cc5d99bcd2adcdaa1f3bed95470eb712bf78db6f759061907b4d57c97050f"},"step":"ingest"}','9264, 1 s ago',1795462681125,1795462681126);
INSERT INTO "executions" VALUES(6,'encode','CACHED','47ec24c79a073b80b1ef99bd54965acd7d301ad2e33c52536a9da15342412332','{"arguments":{"params":{"max_length":80},"tokenizer":{"name":"glove","punctuation":"drop"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/encode.py":"0ce171a27ce16bfe","toy/text.py":"3bfa47c2e8b766d1"},"inputs":{"examples":"92e2f435e3d0e22131fc98a0a6baadea496a257b0adcc9f4ad5c513e2a0c96d4"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{},"step":"encode"}','47ec, 1 s ago',1795462681150,1795462681150);
INSERT INTO "executions" VALUES(7,'train','COMPLETE','adc27175f9d68da8cdbbb129701955afc3b52756af8965ebea558ce88fdb00fe','{"arguments":{"params":{"epochs":4}},"code":{"schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/train.py":"5e294c2ffcb8ab6d"},"inputs":{"embedding_matrix":null,"encoded":"66eaf59120c0f48b4224ba24975190a8a309b46c89d4dce01a9ebbf285c35423"},"libraries":{"keras":"3.15.1","numpy":"2.4.6","pyarrow":"25.0.1","scikit-learn":"1.9.1","scipy":"1.17.1","tensorflow":"2.21.0"},"sources":{},"step":"train"}','params.epochs 3 -> 4',1795462681181,1795462681252);
INSERT INTO "executions" VALUES(8,'push','COMPLETE','2cb89f0202f75127189d25f725c52d90f8cd051dd312d3b1cbb4b8fb074bb0ae','{"arguments":{"params":{},"replaces_version":1},"code":{"components/__init__.py":"ae55815d404757c8","components/serving/__init__.py":"ae55815d404757c8","components/serving/publication.py":"efcbff271b06e54d","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/disk.py":"1aa45cf1bfa2b663","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/push.py":"70ee9674ecec8978"},"inputs":{"model":"0443081fd503f941bf9db44b0ecfc3ccea924b697b4064bbab8a49055364d45a"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow":"2.21.0"},"sources":{},"step":"push"}','replaces_version none -> 1, input model changed',1795462681269,1795462681312);
INSERT INTO "executions" VALUES(9,'ingest','CACHED','9264dd70ad9968a1daf20741351f43f78413b7c72ff0002da58ff6d24fe37864','{"arguments":{"params":{"max_rejected":0,"source":"reviews.txt"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/ingest.py":"0d7450fd406b972c"},"inputs":{},"libraries":{"pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{"reviews.txt":"398cc5d99bcd2adcdaa1f3bed95470eb712bf78db6f759061907b4d57c97050f"},"step":"ingest"}','9264, 2 s ago',1795462682121,1795462682121);
INSERT INTO "executions" VALUES(10,'encode','CACHED','47ec24c79a073b80b1ef99bd54965acd7d301ad2e33c52536a9da15342412332','{"arguments":{"params":{"max_length":80},"tokenizer":{"name":"glove","punctuation":"drop"}},"code":{"components/__init__.py":"ae55815d404757c8","components/beam_failures.py":"f50f1aa425d9b91d","components/beam_options.py":"9ab6eb3171b37b93","components/beam_workers.py":"b9f8b372ff3c230e","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/encode.py":"0ce171a27ce16bfe","toy/text.py":"3bfa47c2e8b766d1"},"inputs":{"examples":"92e2f435e3d0e22131fc98a0a6baadea496a257b0adcc9f4ad5c513e2a0c96d4"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow-datasets":"4.9.10"},"sources":{},"step":"encode"}','47ec, 2 s ago',1795462682137,1795462682137);
INSERT INTO "executions" VALUES(11,'train','CACHED','adc27175f9d68da8cdbbb129701955afc3b52756af8965ebea558ce88fdb00fe','{"arguments":{"params":{"epochs":4}},"code":{"schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/artifacts.py":"77a935ef1501e938","toy/train.py":"5e294c2ffcb8ab6d"},"inputs":{"embedding_matrix":null,"encoded":"66eaf59120c0f48b4224ba24975190a8a309b46c89d4dce01a9ebbf285c35423"},"libraries":{"keras":"3.15.1","numpy":"2.4.6","pyarrow":"25.0.1","scikit-learn":"1.9.1","scipy":"1.17.1","tensorflow":"2.21.0"},"sources":{},"step":"train"}','adc2, 1 s ago',1795462682167,1795462682167);
INSERT INTO "executions" VALUES(12,'push','CACHED','2cb89f0202f75127189d25f725c52d90f8cd051dd312d3b1cbb4b8fb074bb0ae','{"arguments":{"params":{},"replaces_version":1},"code":{"components/__init__.py":"ae55815d404757c8","components/serving/__init__.py":"ae55815d404757c8","components/serving/publication.py":"efcbff271b06e54d","schemas/__init__.py":"ae55815d404757c8","schemas/artifacts.py":"0062e36654517252","schemas/disk.py":"1aa45cf1bfa2b663","schemas/errors.py":"f26ace78ae4b25ed","schemas/examples.py":"e3aa5b4d5a266019","schemas/params.py":"a7388605b4ce56ac","schemas/vocabulary.py":"b30cb6e18c8084b3","toy/__init__.py":"ae55815d404757c8","toy/push.py":"70ee9674ecec8978"},"inputs":{"model":"0443081fd503f941bf9db44b0ecfc3ccea924b697b4064bbab8a49055364d45a"},"libraries":{"numpy":"2.4.6","pyarrow":"25.0.1","tensorflow":"2.21.0"},"sources":{},"step":"push"}','2cb8, 1 s ago',1795462682204,1795462682205);
CREATE TABLE file_digests (             -- spares reading files that have not changed since
    path TEXT PRIMARY KEY,
    stat TEXT NOT NULL,                 -- size, mtime_ns, ctime_ns, inode
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX artifacts_by_key ON artifacts (cache_key);
CREATE UNIQUE INDEX live_artifact_by_uri ON artifacts (uri) WHERE state = 'LIVE' AND type <> 'SourceFile';
CREATE INDEX executions_by_type ON executions (type);
CREATE INDEX events_by_artifact ON events (artifact_id);
COMMIT;
PRAGMA user_version = 1;
